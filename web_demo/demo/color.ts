import { NOBODYS_COLOR } from './data.js'

const PLAIN = /^#[0-9a-f]{6}$/i

/** The color that somebody says is his, if it is one and nothing else: it becomes a part of a style. */
export function plainColor (told: unknown): string {
  return typeof told === 'string' && PLAIN.test(told) ? told : NOBODYS_COLOR
}
