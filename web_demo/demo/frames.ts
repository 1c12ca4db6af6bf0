/** Between two drawings of the same thing, at least: more often nobody could follow, and others want to draw, too. */
const REST_MS = 80

/** Something to draw that is drawn in the next frame, and not again for a moment, however often it is asked for. */
export function oncePerFrame (draw: () => void): () => void {
  let asked = false
  let drawn = -REST_MS
  return () => {
    if (asked) return
    asked = true
    setTimeout(() => {
      requestAnimationFrame(now => {
        asked = false
        drawn = now
        draw()
      })
    }, Math.max(0, drawn + REST_MS - performance.now()))
  }
}
