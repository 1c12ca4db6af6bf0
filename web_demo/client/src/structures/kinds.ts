import { COUNTED_SET } from './counted_set.js'
import { COUNTER } from './counter.js'
import { DICT } from './dict.js'
import { HASH_DICT } from './hash_dict.js'
import type { Kind } from './kind.js'
import { LIST } from './list.js'
import { RECORDS_KIND } from './records.js'
import { SET } from './set.js'
import { TEXT } from './text.js'

/** What transactions can carry out on plain values, by the wire's names. */
export const KINDS: ReadonlyMap<string, Kind<any>> = new Map(
  [RECORDS_KIND, DICT, LIST, TEXT, SET, COUNTED_SET, HASH_DICT, COUNTER].map((kind: Kind<any>) => [kind.name, kind])
)
