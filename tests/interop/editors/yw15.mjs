export { WebsocketProvider } from 'yw15'
export { content, open } from './shared_types.mjs'
