export interface NodeState {
  readonly name: string
  /** Where it is; its doors are below. */
  readonly url: string
  readonly state: 'starting' | 'up' | 'down'
  readonly pid: number | null
  /** Of what users see there: equal where nodes agree. */
  readonly hash: string | null
}

export interface LinkState {
  readonly between: readonly [string, string]
  readonly cut: boolean
  readonly up: boolean
  /** How long the oldest commit has waited that one of both lacks. */
  readonly lag_ms: number
  /** Commits that one of both lacks. */
  readonly behind: number
}

export interface DemoState {
  readonly nodes: readonly NodeState[]
  readonly links: readonly LinkState[]
  readonly users: number
  readonly board: string
  readonly people: string
  readonly document: string
}

export const GATES = ['admit', 'apply', 'persist', 'show'] as const

/** A commit that was shown at the node that made it. */
export interface CommitTold {
  readonly node: string
  readonly collection: string
  readonly origin: string
  readonly sequence: number
  readonly bytes: number
  readonly author: string | null
  readonly micros: Readonly<Record<typeof GATES[number], number | null>>
}

/** Who has the nodes and links in hand: the process that `protobase-live demo` is. */
export class Director {
  readonly #states = new Set<(state: DemoState) => void>()
  readonly #commits = new Set<(commit: CommitTold) => void>()
  readonly #ends = new Set<(ended: boolean) => void>()

  private constructor (private current: DemoState) {}

  /** Ask how the demo is, and listen from then on. */
  static async open (): Promise<Director> {
    const answer = await fetch('director/state')
    if (!answer.ok) throw new Error(`the demo answered ${answer.status}`)
    const director = new Director(await answer.json() as DemoState)
    director.#listen(new EventSource('director/events'))
    return director
  }

  get state (): DemoState {
    return this.current
  }

  /** The name of the node that an address belongs to. */
  nameOf (url: string): string | undefined {
    const { host } = new URL(url)
    return this.current.nodes.find(node => new URL(node.url).host === host)?.name
  }

  /** Be told how the demo is, now and whenever that changes. */
  onState (hear: (state: DemoState) => void): void {
    this.#states.add(hear)
    hear(this.current)
  }

  onCommit (hear: (commit: CommitTold) => void): void {
    this.#commits.add(hear)
  }

  /** Be told when the demo cannot be reached any more, and when it can again. */
  onEnd (hear: (ended: boolean) => void): void {
    this.#ends.add(hear)
  }

  /** Kill a node (SIGKILL), or start it. Raises Error with what the demo says. */
  async node (name: string, verb: 'kill' | 'start'): Promise<void> {
    await this.#tell(`nodes/${name}/${verb}`, {})
  }

  async link ([a, b]: readonly [string, string], verb: 'cut' | 'heal'): Promise<void> {
    await this.#tell(`links/${a}/${b}/${verb}`, {})
  }

  /** How many scripted people there are to be. */
  async users (count: number): Promise<void> {
    await this.#tell('users', { count })
  }

  async #tell (path: string, body: object): Promise<void> {
    const headers = { 'Content-Type': 'application/json' }
    const answer = await fetch(`director/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    if (!answer.ok) throw new Error((await answer.json() as { error?: string }).error ?? `the demo answered ${answer.status}`)
  }

  #listen (events: EventSource): void {
    events.addEventListener('state', event => {
      this.current = JSON.parse(event.data as string) as DemoState
      for (const hear of this.#states) hear(this.current)
    })
    events.addEventListener('commit', event => {
      const commit = JSON.parse(event.data as string) as CommitTold
      for (const hear of this.#commits) hear(commit)
    })
    events.onopen = () => { for (const hear of this.#ends) hear(false) }
    events.onerror = () => { for (const hear of this.#ends) hear(true) }
  }
}
