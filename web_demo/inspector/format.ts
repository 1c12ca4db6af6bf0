const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** A size such as `1.2 MB`. */
export function bytes (count: number): string {
  const power = count < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(count) / 3))
  return `${short(count / 1000 ** power)} ${UNITS[power] ?? ''}`
}

/** A duration such as `0.3 ms` or `12 s`. */
export function duration (seconds: number): string {
  return seconds < 1 ? `${short(seconds * 1000)} ms` : `${short(seconds)} s`
}

/** A count such as `12,345`. */
export function count (number: number): string {
  return number.toLocaleString('en')
}

/** A number of three digits or so. */
export function short (number: number): string {
  if (number === 0) return '0'
  if (number < 0.05) return '< 0.1'
  return number < 10 ? number.toFixed(1).replace(/\.0$/, '') : count(Math.round(number))
}

/** `1 row`, `2 rows`. */
export function counted (number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`
}
