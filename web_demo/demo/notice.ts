import { h, setText } from './element.js'

const SHOWN_MS = 6_000

/** A line at the foot of the page that says what went wrong, or happened, for a while. */
export class Notice {
  readonly element = h('p', { class: 'notice', role: 'status' })
  #timer: ReturnType<typeof setTimeout> | undefined

  say (text: string, forGood = false): void {
    clearTimeout(this.#timer)
    setText(this.element, text)
    if (!forGood) this.#timer = setTimeout(() => { setText(this.element, '') }, SHOWN_MS)
  }

  /** Say what became of a deed that failed. */
  readonly watch = (deed: Promise<unknown>): void => {
    deed.catch((error: unknown) => { this.say(error instanceof Error ? error.message : String(error)) })
  }
}
