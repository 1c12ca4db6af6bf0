import { ProtocolError } from '../errors.js'
import { isList, isObject, short, type Wire, type WireObject } from '../values/index.js'

/** Reads the fields of one message; each method raises ProtocolError when the field is not what it names. */
export class Fields {
  constructor (private readonly message: WireObject, private readonly where: string) {}

  has (name: string): boolean {
    return Object.hasOwn(this.message, name)
  }

  value (name: string): Wire {
    if (!this.has(name)) throw new ProtocolError(`${this.where}: field '${name}' is missing`)
    return this.message[name]!
  }

  count (name: string): number {
    const found = this.value(name)
    return isCount(found) ? found : this.#wrong(name, 'an integer from 0 to 2**53 - 1')
  }

  optionalCount (name: string): number | null {
    return this.#isNone(name) ? null : this.count(name)
  }

  number (name: string): number {
    const found = this.value(name)
    return typeof found === 'number' && Number.isFinite(found) ? found : this.#wrong(name, 'a number')
  }

  flag (name: string): boolean {
    const found = this.value(name)
    return typeof found === 'boolean' ? found : this.#wrong(name, 'true or false')
  }

  optionalFlag (name: string): boolean {
    return this.has(name) && this.flag(name)
  }

  text (name: string): string {
    const found = this.value(name)
    return typeof found === 'string' ? found : this.#wrong(name, 'a string')
  }

  optionalText (name: string): string | null {
    return this.#isNone(name) ? null : this.text(name)
  }

  items (name: string): readonly Wire[] {
    const found = this.value(name)
    return isList(found) ? found : this.#wrong(name, 'a list')
  }

  mapping (name: string): WireObject {
    const found = this.value(name)
    return isObject(found) ? found : this.#wrong(name, 'an object')
  }

  part (name: string): Fields {
    return new Fields(this.mapping(name), `${this.where}.${name}`)
  }

  #isNone (name: string): boolean {
    return !this.has(name) || this.message[name] === null
  }

  #wrong (name: string, expected: string): never {
    throw new ProtocolError(`${this.where}.${name} has to be ${expected}, not ${short(this.message[name])}`)
  }
}

export function isCount (wire: Wire | undefined): wire is number {
  return Number.isSafeInteger(wire) && (wire as number) >= 0
}
