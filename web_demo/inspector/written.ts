import { Query } from '../client/src/index.js'

/** A query as somebody has written it, which the server reads. */
export class Written extends Query {
  constructor (private readonly text: string) {
    super('')
  }

  override form (): never {
    return this.text as never // the live protocol takes a text, too
  }
}

const KEYWORDS = new Set(('where having select distinct order group limit offset unnest traverse union join inner left right ' +
  'full on as and or not in between is contains starts like true false none null').split(' '))

/** The query for the first records of a collection. */
export function browsing (collection: string, most: number): string {
  const plain = /^[a-z_][\w/.-]*$/i.test(collection) && !KEYWORDS.has(collection.toLowerCase())
  const name = plain ? collection : `\`${collection.replaceAll('`', '``')}\``
  return `${name} order by _key limit ${most}`
}
