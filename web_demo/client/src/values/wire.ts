/** A value in the form that travels: what MessagePack holds, with tagged objects for the rest (docs/protocol.md). */
export type Wire = null | boolean | number | bigint | string | Uint8Array | readonly Wire[] | WireObject
export interface WireObject { readonly [key: string]: Wire }

/** The key that marks a tagged value. */
export const TAG = '@'

/** Most nested lists and objects of a value on the wire: tags double the depth, and a message is around it. */
export const MAX_WIRE_DEPTH = 160

export function isObject (wire: unknown): wire is WireObject {
  return typeof wire === 'object' && wire !== null && !Array.isArray(wire) && !(wire instanceof Uint8Array)
}

/** The list, which the type checker loses in `Array.isArray` of what is read-only. */
export function isList (wire: Wire | undefined): wire is readonly Wire[] {
  return Array.isArray(wire)
}

export function tagged (name: string, content: Wire): WireObject {
  return { [TAG]: name, v: content }
}

/** An object with these entries, whatever they are called (`__proto__` is a key like any other). */
export function objectOf<T> (entries: Iterable<readonly [string, T]>): Record<string, T> {
  const made: Record<string, T> = {}
  for (const [key, value] of entries) {
    if (key === '__proto__') Object.defineProperty(made, key, { value, enumerable: true, writable: true, configurable: true })
    else made[key] = value
  }
  return made
}

/** `objectOf` on the wire: one with the key that marks tags is tagged itself. */
export function wireObject (entries: Iterable<readonly [string, Wire]>): WireObject {
  const made = objectOf(entries)
  return Object.hasOwn(made, TAG) ? tagged('dict', made) : made
}

/** A text that is the same for the same wire value, and differs for others. */
export function keyOfWire (wire: Wire): string {
  return JSON.stringify(wire, (_, part: unknown) => {
    if (Object.is(part, -0)) return { [TAG]: '-0' } // no value on the wire has this key alone
    if (typeof part === 'bigint') return { [TAG]: String(part) }
    return part instanceof Uint8Array ? { [TAG]: [...part] } : part
  })
}

/** A value of whatever kind for a message, cut. */
export function short (value: unknown): string {
  const text = typeof value === 'string' ? `'${value}'` : typeof value === 'object' && value !== null ? describe(value) : String(value)
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`
}

function describe (value: object): string {
  return Array.isArray(value) ? `a list of ${value.length}` : `an object of ${value.constructor?.name ?? 'no class'}`
}
