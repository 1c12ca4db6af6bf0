export type Row = Readonly<Record<string, unknown>>

const MOST_COLUMNS = 40
const MOST_CHARACTERS = 200

/** The fields of rows, `_key` first and then those that are known: a column that is shown stays where it is. */
export function fieldsOf (rows: readonly Row[], known: readonly string[]): string[] {
  const names = new Set([...rows.some(row => '_key' in row) ? ['_key'] : [], ...known])
  for (const row of rows) for (const name in row) names.add(name)
  return [...names].slice(0, MOST_COLUMNS)
}

/** Rows with a key each, by which they are known again: `_key` where it is there and names one alone, else their place. */
export function keyed (rows: readonly Row[]): Array<readonly [string, Row]> {
  const keys = rows.map(row => row['_key'])
  const whole = keys.every(key => typeof key === 'string') && new Set(keys).size === keys.length
  return rows.map((row, at) => [whole ? String(row['_key']) : String(at), row])
}

/** What a cell says: texts as they are, everything else as JSON, both cut off. */
export function cell (value: unknown): string {
  const text = value === undefined ? '' : typeof value === 'string' ? value : said(value)
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text
}

/** A value as people read it, on several lines with `indent`. */
export function said (value: unknown, indent?: number): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return String(each)
    if (each instanceof Uint8Array) return `${each.length} bytes`
    if (each instanceof Set) return [...each as Set<unknown>]
    if (each instanceof Map) return [...each as Map<unknown, unknown>]
    return each
  }, indent)
}
