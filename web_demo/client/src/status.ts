/** How a client is connected: `why` says what became of the last connection, or of the last attempt. */
export type Status =
  | { readonly state: 'connecting' }
  | { readonly state: 'connected', readonly url: string }
  | { readonly state: 'lost', readonly why: string }
  | { readonly state: 'closed', readonly why: string }
