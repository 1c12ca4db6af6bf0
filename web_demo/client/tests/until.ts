/** Wait until `ready` is so, looked at after each news that `listen` brings. */
export async function until (ready: () => boolean, listen: (hear: () => void) => () => void): Promise<void> {
  await new Promise<void>(resolve => {
    const stop = listen(check)
    function check (): void {
      if (!ready()) return
      queueMicrotask(() => { stop() })
      resolve()
    }
    check()
  })
}
