import { ProtoBaseError, Unavailable } from './errors.js'

/** What a client says who it is with, or a function, plain or async, that gives a fresh one. */
export type Token = string | null | (() => string | null | Promise<string | null>)

/** Gives the token of a client: always the same, or a fresh one each time. */
export class Tokens {
  readonly #token: Token

  constructor (token: Token) {
    this.#token = token
  }

  /** Whether another one may be given than the last time. */
  get canBeFresh (): boolean {
    return typeof this.#token === 'function'
  }

  /** Raises what the function raises of this package, and Unavailable, without a word of it, for any other failure. */
  async get (): Promise<string | null> {
    if (typeof this.#token !== 'function') return this.#token
    try {
      return await this.#token()
    } catch (error) {
      if (error instanceof ProtoBaseError) throw error
      throw new Unavailable(`the function that gives a token failed: ${error instanceof Error ? error.name : typeof error}`)
    }
  }
}
