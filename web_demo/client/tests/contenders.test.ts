import { expect, test } from 'vitest'
import { Overloaded } from '../src/errors.js'
import { Contenders } from '../src/transactions/contenders.js'

/** Whose time does not pass until `late` is called, for all who wait by then. */
function stopped (): { contenders: Contenders, late: () => void } {
  let waiting: Array<() => void> = []
  const after = (_: number, then: () => void): () => void => {
    waiting.push(then)
    return () => { waiting = waiting.filter(each => each !== then) }
  }
  return { contenders: new Contenders({ now: () => 0, after }, 60), late: () => { for (const then of waiting) then() } }
}

test('those of one collection come one after the other', async () => {
  const { contenders } = stopped()
  const told: string[] = []
  const work = (name: string) => async (): Promise<void> => {
    told.push(`${name} begins`)
    await Promise.resolve()
    told.push(`${name} ends`)
  }
  await Promise.all([contenders.alone(['a', 'b'], work('one')), contenders.alone(['b'], work('two'))])
  expect(told).toEqual(['one begins', 'one ends', 'two begins', 'two ends'])
})

test('one within another gives up in time, and lets the other go on', async () => {
  const { contenders, late } = stopped()
  const told: string[] = []
  const outer = contenders.alone(['a'], async () => {
    const inner = contenders.alone(['a', 'b'], async () => { told.push('inner') })
    await expect((late(), inner)).rejects.toThrow("a transaction on 'a', 'b' waited 60 seconds")
    await expect(inner).rejects.toThrow(Overloaded)
    told.push('outer')
  })
  await outer
  await contenders.alone(['a', 'b'], async () => { told.push('next') })
  expect(told).toEqual(['outer', 'next'])
})

test('who comes after one that gave up waits for those before', async () => {
  const { contenders, late } = stopped()
  const told: string[] = []
  let end = (): void => {}
  let first: Promise<void> | undefined
  await new Promise<void>(begun => {
    first = contenders.alone(['a'], async () => {
      begun()
      await new Promise<void>(resolve => { end = resolve })
      told.push('first')
    })
  })
  const second = contenders.alone(['a'], async () => { told.push('second') })
  late()
  await expect(second).rejects.toThrow(Overloaded)
  const third = contenders.alone(['a'], async () => { told.push('third') })
  await Promise.resolve()
  end()
  await Promise.all([first, third])
  expect(told).toEqual(['first', 'third'])
})
