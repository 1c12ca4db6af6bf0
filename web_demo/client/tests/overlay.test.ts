import { describe, expect, test } from 'vitest'
import { ProtoBaseError } from '../src/errors.js'
import type { Operation } from '../src/protocol/requests.js'
import { KINDS } from '../src/structures/kinds.js'
import { Overlay } from '../src/transactions/overlay.js'
import { fromWire, type Wire } from '../src/values/index.js'
import { vectors, wireOf } from './vectors.js'

interface Case { name: string, writes: Wire[], reads: Array<{ read: Wire, answer?: Wire, raises?: string }> }

const [{ content }, ...cases] = vectors<[{ content: Array<[string, string[], Wire]> }, ...Case[]]>('overlays')
const wholes = new Map(content.map(([kind, path, answer]) => [JSON.stringify([kind, path]), wireOf(answer)]))

/** What a server that holds the content answers. */
async function ask ([kind, path, method, args]: Operation): Promise<Wire> {
  const { restore, answer } = KINDS.get(kind)!
  return await Promise.resolve(answer(restore(wholes.get(JSON.stringify([kind, path]))!), method, args))
}

describe('the vectors of what a transaction reads after its writes', () => {
  test.each(cases)('$name', async ({ writes, reads }) => {
    for (const { read, answer, raises } of reads) {
      const overlay = new Overlay(ask)
      for (const write of writes) overlay.add(wireOf(write) as unknown as Operation)
      const found = await overlay.read(wireOf(read) as unknown as Operation).then(
        wire => ({ answer: fromWire(wire) }), (error: unknown) => ({ raises: (error as ProtoBaseError).code }))
      expect(found, JSON.stringify(read)).toEqual(raises === undefined ? { answer: fromWire(answer!) } : { raises })
    }
  })
})
