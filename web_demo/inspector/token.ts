const KEY = 'protobase-live inspector'

/** What the server's operator gave out; null if nothing was asked for. */
export function token (): string | null {
  return sessionStorage.getItem(KEY)
}

/** Remember it until the tab is closed; null: forget it. */
export function remember (token: string | null): void {
  if (token === null) sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, token)
}
