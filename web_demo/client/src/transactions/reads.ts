import { Conflict, LimitExceeded } from '../errors.js'
import type { Check, Operation } from '../protocol/requests.js'
import type { Port } from '../structures/operations.js'
import { digest, keyOfWire, type Wire } from '../values/index.js'

/** Asks a database and notes a check of every answer: what a transaction relies on. */
export class Reads {
  readonly #checks = new Map<string, Check>()

  /** `most` is how many different questions may be asked. */
  constructor (private readonly port: Port, private readonly most: number) {}

  /** One check for each question, in the order they were asked first. */
  get checks (): Check[] {
    return [...this.#checks.values()]
  }

  /** The answer. Raises Conflict when the same question has another answer than before, LimitExceeded for one too many. */
  async ask (collection: string, read: Operation): Promise<Wire> {
    const question = keyOfWire([collection, ...read])
    if (!this.#checks.has(question) && this.#checks.size >= this.most) {
      throw new LimitExceeded(`a transaction asks at most ${this.most} questions (transactionReads)`)
    }
    const answer = await this.port.read(collection, read)
    const found = digest(answer)
    const known = this.#checks.get(question)
    if (known === undefined) this.#checks.set(question, [collection, read, found])
    else if (known[2].some((byte, at) => byte !== found[at])) {
      throw new Conflict(`${collection}: ${told(read)} changed while the transaction was reading`)
    }
    return answer
  }
}

/** What a question asks for, for messages: `the record 'ann'`, `the list 'order' (count)`. */
function told ([kind, path, method, args]: Operation): string {
  if (kind === 'records') return method === 'get' ? `the record '${String(args[0])}'` : `the records (${method})`
  const [name, key, field] = path
  return field === undefined ? `the ${kind} '${name}' (${method})` : `the field '${field}' of record '${key}' (${method})`
}
