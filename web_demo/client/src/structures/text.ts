import type { Wire } from '../values/index.js'
import { Handle } from './handle.js'
import { textOf, type Kind } from './kind.js'
import { requireRange } from './list.js'

/** The plain value is the list of its code points. */
export const TEXT: Kind<readonly string[]> = {
  name: 'text',
  whole: 'value',
  restore: answer => Array.from(textOf(answer)),
  ofField: field => Array.from(textOf(field ?? '')),
  toField: plain => plain.join(''),
  replay (plain, action, args) {
    const [start, deleted, inserted] = extent(plain.length, action, args)
    requireRange(`text.${action}`, start, deleted, plain.length)
    return [...plain.slice(0, start), ...inserted, ...plain.slice(start + deleted)]
  },
  answer: (plain, method) => method === 'value' ? plain.join('') : plain.length
}

/** Where an action deletes how many code points and inserts which. */
function extent (length: number, action: string, args: readonly Wire[]): [number, number, string] {
  switch (action) {
    case 'insert': return [args[0] === null ? length : Number(args[0]), 0, textOf(args[1])]
    case 'delete': return [Number(args[0]), Number(args[1] ?? 1), '']
    default: return [0, length, textOf(args[0])]
  }
}

/** A text that many may edit at once; indexes count code points. */
export class Text extends Handle {
  insert (index: number, text: string): Promise<void> { return this.write('insert', index, text) }
  append (text: string): Promise<void> { return this.write('insert', null, text) }
  /** Remove `count` code points from the index on. */
  delete (index: number, count = 1): Promise<void> { return this.write('delete', index, count) }
  /** Make it this text, by the smallest edit. */
  replace (text: string): Promise<void> { return this.write('replace', text) }
  async value (): Promise<string> { return await this.read('value') as string }
  async count (): Promise<number> { return await this.read('count') as number }
}
