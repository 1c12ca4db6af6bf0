import { Handle } from './handle.js'

/** A tree of XML elements, as rich-text editors keep. A transaction that wrote to one cannot read it. */
export class XmlFragment extends Handle {
  insertElement (index: number, tag: string, attributes: Readonly<Record<string, string>> = {}, text = ''): Promise<void> {
    return this.write('insert_element', index, tag, attributes, text)
  }

  /** Remove `count` children from the index on. */
  delete (index: number, count = 1): Promise<void> { return this.write('delete', index, count) }
  /** The source of its content. */
  async value (): Promise<string> { return await this.read('value') as string }
  async count (): Promise<number> { return await this.read('count') as number }
}
