import { withoutSecrets } from './address.js'
import type { Link } from './link.js'

/** What `globalThis.__protobase` tells of one connection. */
export interface Inspection extends ReturnType<Link['inspect']> { readonly urls: readonly string[], readonly status: Link['status'] }

const links = new Map<Link, readonly string[]>()

/** List a link in `globalThis.__protobase` until it is closed. */
export function inspectable (link: Link, urls: readonly string[]): void {
  links.set(link, urls.map(withoutSecrets))
  link.statuses.add(status => { if (status.state === 'closed') links.delete(link) })
  Object.defineProperty(globalThis, '__protobase', { value: inspector, configurable: true })
}

/** For people at a browser's console: `__protobase.connections`. */
const inspector = {
  /** All connections of this page with their status, subscriptions and pending calls, as they are now. */
  get connections (): Inspection[] {
    return Array.from(links, ([link, urls]) => ({ urls, status: link.status, ...link.inspect() }))
  }
}
