import { RecordMissing, ValidationError } from '../errors.js'
import type { Operation } from '../protocol/requests.js'
import { entriesOf } from '../structures/dict.js'
import type { Kind } from '../structures/kind.js'
import { KINDS } from '../structures/kinds.js'
import { operation, RECORDS } from '../structures/operations.js'
import { RECORDS_KIND, type Rows } from '../structures/records.js'
import { wireObject, type Wire } from '../values/index.js'
import { Pending } from './pending.js'

type Ask = (read: Operation) => Promise<Wire>

/** What a collection would hold if the transaction's writes to it had been carried out, over what `ask` answers. */
export class Overlay {
  readonly #records = new Map<string, Pending<Rows>>()
  readonly #existed = new Set<string>()
  readonly #structures = new Map<string, Pending<unknown>>()

  constructor (private readonly ask: Ask) {}

  /** Take note of one write. */
  add (write: Operation): void {
    const [kind, path] = write
    if (path[0] !== 'records') this.#structure(kind, path).add(write)
    else this.#record(kind === 'records' ? String(write[3][0]) : path[1]!).add(write)
  }

  /** The answer to `read` with the writes taken into account. */
  async read (read: Operation): Promise<Wire> {
    const [kind, path, method, args] = read
    if (kind === 'records') return await this.#readRecords(read)
    if (path[0] === 'records') return await this.#readField(read)
    const pending = this.#structures.get(nameOf(kind, path))
    return pending === undefined ? await this.ask(read) : kindOf(kind).answer(await pending.value(), method, args)
  }

  #record (key: string): Pending<Rows> {
    const known = this.#records.get(key)
    if (known !== undefined) return known
    const fetch = async (): Promise<Rows> => {
      const row = await this.ask(operation(RECORDS, 'get', [key]))
      if (row === null) return new Map()
      this.#existed.add(key)
      return new Map([[key, row]])
    }
    const made = new Pending(fetch, replayRecord)
    this.#records.set(key, made)
    return made
  }

  #structure (name: string, path: readonly string[]): Pending<unknown> {
    const known = this.#structures.get(nameOf(name, path))
    if (known !== undefined) return known
    const fetch = async (): Promise<unknown> => {
      const kind = kindOf(name)
      return kind.restore(await this.ask([name, path, kind.whole, []]))
    }
    const made = new Pending(fetch, (plain, [, , action, args]) => kindOf(name).replay(plain, action, args))
    this.#structures.set(nameOf(name, path), made)
    return made
  }

  async #readRecords (read: Operation): Promise<Wire> {
    const [, , method, args] = read
    if (method === 'get' || method === 'contains') {
      const pending = this.#records.get(String(args[0]))
      return pending === undefined ? await this.ask(read) : RECORDS_KIND.answer(await pending.value(), method, args)
    }
    if (this.#records.size === 0) return await this.ask(read)
    if (method === 'count') return Number(await this.ask(read)) + await this.#grown()
    return RECORDS_KIND.answer(await this.#page(args[0]!, Number(args[1])), method, args)
  }

  /** By how many records the transaction's writes change the count. */
  async #grown (): Promise<number> {
    let grown = 0
    for (const [key, pending] of this.#records) grown += (await pending.value()).size - Number(this.#existed.has(key))
    return grown
  }

  /** The records after `after`: at least the first `limit` of them, if there are so many. */
  async #page (after: Wire, limit: number): Promise<Rows> {
    const rows = new Map<string, Wire>()
    for (let more = true; more && rows.size < limit;) { // a written record may be gone, so it does not count
      const page = RECORDS_KIND.restore(await this.ask(operation(RECORDS, 'items', [after, limit]))) as Rows
      for (const [key, row] of page) if (!this.#records.has(key)) rows.set(key, row)
      more = page.size === limit
      after = [...page.keys()].at(-1) ?? after
    }
    for (const pending of this.#records.values()) for (const [key, row] of await pending.value()) rows.set(key, row)
    return rows
  }

  async #readField (read: Operation): Promise<Wire> {
    const [kind, path, method, args] = read
    const [, key, field] = path
    const pending = this.#records.get(key!)
    if (pending === undefined) return await this.ask(read)
    const row = rowOf(await pending.value(), key!)
    return kindOf(kind).answer(kindOf(kind).ofField(row.get(field!) ?? null), method, args)
  }
}

function replayRecord (rows: Rows, write: Operation): Rows {
  const [kind, path, action, args] = write
  if (kind === 'records') return RECORDS_KIND.replay(rows, action, args)
  const [, key, field] = path
  const row = rowOf(rows, key!)
  const { ofField, replay, toField } = kindOf(kind)
  row.set(field!, toField(replay(ofField(row.get(field!) ?? null), action, args)))
  return new Map([[key!, wireObject(row)]])
}

function rowOf (rows: Rows, key: string): Map<string, Wire> {
  const row = rows.get(key)
  if (row === undefined) throw new RecordMissing(`there is no record '${key}', so it has no fields`)
  return entriesOf(row)
}

function kindOf (name: string): Kind<any> {
  const kind = KINDS.get(name)
  if (kind === undefined) throw new ValidationError(`a transaction that wrote to the ${name} cannot read it; read it before`)
  return kind
}

function nameOf (kind: string, path: readonly string[]): string {
  return JSON.stringify([kind, path])
}
