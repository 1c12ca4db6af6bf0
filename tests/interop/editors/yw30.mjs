export { WebsocketProvider } from 'yw30'
export { content, open } from './shared_types.mjs'
