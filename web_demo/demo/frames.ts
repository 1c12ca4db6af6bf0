/** Something to draw that is drawn once a frame at most, however often it is asked for. */
export function oncePerFrame (draw: () => void): () => void {
  let asked = false
  return () => {
    if (asked) return
    asked = true
    requestAnimationFrame(() => {
      asked = false
      draw()
    })
  }
}
