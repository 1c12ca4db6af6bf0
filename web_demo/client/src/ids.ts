const ID_BYTES = 16

/** A key for a record that is inserted without one: 128 random bits, 22 characters of URL-safe base64. */
export function randomKey (): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES))
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** A client of presence: an id of 32 bits, as Yjs clients have them, above 0. */
export function randomClient (): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! || 1
}
