import { ValidationError } from './errors.js'

const EXAMPLE = 'ws://127.0.0.1:8765/live'

/**
 * The live door at `url`, which may also be the address of the server, as `serve` prints it, or in a page a path.
 *
 * Raises ValidationError for what is no address of a server.
 */
export function liveUrl (url: string): string {
  const parsed = parse(url)
  if (parsed.protocol === 'http:') parsed.protocol = 'ws:'
  if (parsed.protocol === 'https:') parsed.protocol = 'wss:'
  if (parsed.protocol !== 'ws:' && parsed.protocol !== 'wss:') {
    throw new ValidationError(`'${withoutSecrets(url)}' is no address of a live door; write it like ${EXAMPLE}`)
  }
  if (parsed.pathname.startsWith('/yjs/')) {
    throw new ValidationError(`'${withoutSecrets(url)}' is for Yjs clients; the live door is at ${parsed.protocol}//${parsed.host}/live`)
  }
  parsed.pathname = parsed.pathname.replace(/\/+$/, '') || '/live'
  parsed.hash = ''
  return parsed.href
}

/** An address to be shown: what may be a password or a token is left out. */
export function withoutSecrets (url: string): string {
  try {
    const { protocol, host, pathname } = parse(url)
    return `${protocol}//${host}${pathname}`
  } catch {
    return '?'
  }
}

function parse (url: string): URL {
  try {
    return new URL(url, (globalThis as { location?: { href: string } }).location?.href)
  } catch {
    throw new ValidationError(`a server's address is like ${EXAMPLE}, and this is none`)
  }
}
