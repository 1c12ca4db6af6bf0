// Random documents of any ProseMirror schema, by walking its content expressions.

// Nodes so deep hold what ends soon.
const DEEP = 4

const MARK_ATTRIBUTES = {
  href: random => random.pick(['https://a.example/?b=c&d', 'mailto:a@b.example', '/here']),
  stringValue: random => random.pick(['red', 'blue'])
}
const ATTRIBUTES = {
  level: random => 1 + random.below(3),
  start: random => random.pick([null, undefined, 1, 7]),
  order: random => 1 + random.below(5),
  language: random => random.pick(['js', 'c++', { of: ['any', 1, 2.5, true, null] }, 7]),
  checked: random => random.pick([true, false]),
  textColor: random => random.pick(['default', 'red']),
  textAlignment: random => random.pick(['left', 'center']),
  url: random => random.pick(['', 'https://a.example/b.png']),
  src: random => 'https://a.example/b.png',
  caption: random => random.word(),
  previewWidth: random => random.pick([undefined, 120.5]),
  id: random => 'b' + random.below(2 ** 32)
}
// What has to fit together in a way that no content expression says.
const FIXED = { table }

// The JSON of a document, with all its attributes, as `doc.toJSON()` gives it. `last` is what the editor wants at its
// end, so that it adds nothing.
export function randomDocument (schema, random, last) {
  const content = children(schema.topNodeType, random, 0)
  const doc = schema.topNodeType.create(null, last(content, schema))
  doc.check()
  return doc.toJSON()
}

function children (type, random, depth) {
  const found = []
  for (let match = type.contentMatch, left = 5 - depth; ;) {
    if (match.validEnd && (left-- <= 0 || random.below(4) === 0)) return found
    const types = []
    for (let i = 0; i < match.edgeCount; i++) types.push(match.edge(i).type)
    const simple = types.filter(type => type.isText || type.isLeaf || type.isTextblock)
    if (depth >= DEEP && simple.length === 0 && match.validEnd) return found
    if (types.length === 0) return found
    const chosen = random.pick(depth >= DEEP && simple.length > 0 ? simple : types)
    if (chosen.isText) found.push(...texts(type, random))
    else found.push(node(chosen, random, depth + 1))
    match = match.matchType(chosen)
  }
}

function node (type, random, depth) {
  if (FIXED[type.name]) return FIXED[type.name](type, random)
  return type.createChecked(attributes(type, random, ATTRIBUTES), children(type, random, depth))
}

function attributes (type, random, known) {
  const found = {}
  for (const [name, spec] of Object.entries(type.attrs)) {
    if (known[name]) found[name] = known[name](random) ?? spec.default
  }
  return found
}

function texts (parent, random) {
  const found = []
  for (let n = 1 + random.below(3); n > 0; n--) {
    let marks = []
    for (const type of Object.values(parent.schema.marks)) {
      if (parent.allowsMarkType(type) && random.below(5) === 0) {
        marks = type.create(attributes(type, random, MARK_ATTRIBUTES)).addToSet(marks)
      }
    }
    found.push(parent.schema.text(random.word(), marks))
  }
  return found
}

function table (type, random) {
  const { tableRow, tableCell, tableParagraph } = type.schema.nodes
  const columns = 1 + random.below(3)
  const cell = () => tableCell.create(null, tableParagraph.create(null, texts(tableParagraph, random)))
  const row = () => tableRow.create(null, Array.from({ length: columns }, cell))
  return type.create(null, Array.from({ length: 1 + random.below(3) }, row))
}
