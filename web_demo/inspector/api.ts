import { token } from './token.js'

export interface Actor {
  readonly state: string
  readonly mailbox: number
  readonly waiting: number
  readonly turns: number
  readonly messages: number
  readonly turn_seconds: number
  readonly turn_seconds_max: number
  readonly restarts: number
  readonly failure: string | null
}

export interface CollectionFigures {
  readonly name: string
  readonly snapshot_bytes: number
  readonly log_commits: number
  readonly log_bytes: number
  readonly corrupt: string | null
  readonly read_only: string | null
  readonly people: number
  readonly listeners: { readonly editors: number, readonly streams: number, readonly live_queries: number }
  /** Null: it is not in memory. */
  readonly actor: Actor | null
}

export interface LinkFigures {
  readonly node: string
  readonly address: string | null
  readonly up: boolean
  readonly problem: string | null
  readonly lacking_commits: number
  readonly lacking_seconds: number
  readonly unanswered_bytes: number
  readonly silent_seconds: number
  readonly stuck: Readonly<Record<string, string>>
}

/** What `GET /api/v1/inspection` answers with. */
export interface Inspection {
  readonly collections: readonly CollectionFigures[]
  readonly next: string | null
  readonly node: {
    readonly node: string
    readonly configured: number
    readonly collections: number
    readonly loaded: number
    readonly held_commits: number
    readonly links: readonly LinkFigures[]
    readonly owner: string | null
  }
  readonly sessions: Readonly<Record<string, number>>
  readonly live_queries: number
  readonly storage: {
    readonly bytes: number
    readonly commits: number
    readonly flushes: number
    readonly last_flush_seconds: number
    readonly backlog: number
    readonly failures: number
    readonly failure: string | null
  }
}

/** Which collections are told. */
export interface Asked { readonly prefix: string, readonly loaded: boolean, readonly after: string }

/** What the server refused, in its words. */
export class Refused extends Error {
  constructor (readonly status: number, message: string) {
    super(message)
  }
}

export const PAGE = 100

/** How the server is, with a page of its collections. Raises Refused, and TypeError where nobody answers. */
export async function inspect (asked: Asked, signal: AbortSignal): Promise<Inspection> {
  const query = new URLSearchParams({ prefix: asked.prefix, loaded: String(asked.loaded), after: asked.after, limit: String(PAGE) })
  const known = token()
  const headers: Record<string, string> = known === null ? {} : { authorization: `Bearer ${known}` }
  const response = await fetch(`api/v1/inspection?${query.toString()}`, { signal, headers })
  const answer = await response.json() as Inspection & { error?: { message: string } }
  if (!response.ok) throw new Refused(response.status, answer.error?.message ?? response.statusText)
  return answer
}
