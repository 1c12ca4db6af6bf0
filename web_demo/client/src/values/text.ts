import { ValidationError } from '../errors.js'

const LONE_SURROGATE = /\p{Surrogate}/u

/** The text, if it is well-formed Unicode. Raises ValidationError, which names `where`. */
export function checkText (text: string, where: string): string {
  if (LONE_SURROGATE.test(text)) throw new ValidationError(`${where} has a lone surrogate: ${JSON.stringify(text.slice(0, 60))}; use well-formed Unicode`)
  return text
}
