export { WebsocketProvider } from 'yw31'
export { content, open } from './shared_types.mjs'
