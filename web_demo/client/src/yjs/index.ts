/** The structures of a collection over a plain `Y.Doc`: for pages that have no connection but that of a Yjs provider. */
export { YSet } from './set.js'
export { YCounter } from './counter.js'
export { YCountedSet } from './counted_set.js'
export { YHashDict } from './hash_dict.js'
export type { ReplicaOptions } from './shared_map.js'
export { CalendarDate, DateTime } from '../values/index.js'
