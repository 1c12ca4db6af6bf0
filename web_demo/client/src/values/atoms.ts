import { ValidationError } from '../errors.js'
import { packCanonical, unpack } from './packing.js'
import type { Wire } from './wire.js'

/** Largest element or key, in bytes of MessagePack. */
const MAX_ATOM_BYTES = 512

/** An atom as text that names it and no other: base64url, unpadded, of its canonical MessagePack. */
export function keyText (wire: Wire): string {
  const packed = packCanonical(wire)
  if (packed.length > MAX_ATOM_BYTES) {
    throw new ValidationError(`a key has ${packed.length} bytes packed; at most ${MAX_ATOM_BYTES} are allowed`)
  }
  return btoa(String.fromCharCode(...packed)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** The atom that `keyText` gave this text for, undefined for any other text. */
export function textKey (text: string): Wire | undefined {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    const atom = unpack(Uint8Array.from(binary, letter => letter.charCodeAt(0)))
    return keyText(atom) === text ? atom : undefined
  } catch {
    return undefined
  }
}
