export { WebsocketProvider } from 'yw21'
export { content, open } from './shared_types.mjs'
