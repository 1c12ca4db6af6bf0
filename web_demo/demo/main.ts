import './styles/base.css'
import './styles/frame.css'
import './styles/cluster.css'
import './styles/pane.css'
import './styles/board.css'
import { Cluster } from './cluster.js'
import { Crowd } from './crowd.js'
import { PEOPLE_HERE } from './data.js'
import { Director } from './director.js'
import { h } from './element.js'
import { Latency } from './latency.js'
import { LatencyChart } from './latency_chart.js'
import { Notice } from './notice.js'
import { Pane } from './pane.js'
import { tabs } from './tabs.js'
import { Timeline } from './timeline.js'
import { Writes } from './writes.js'

const notice = new Notice()
const page = document.getElementById('demo')!
document.body.append(notice.element)

try {
  await show(await Director.open())
} catch (error) {
  notice.say(`The demo cannot be reached: ${error instanceof Error ? error.message : String(error)}. Start it with 'protobase-live demo'.`, true)
}

async function show (director: Director): Promise<void> {
  const latency = new Latency()
  const writes = new Writes(latency)
  const panes = director.state.nodes.flatMap(({ name }, at) => {
    const person = PEOPLE_HERE[at]
    return person === undefined ? [] : [new Pane(name, person)]
  })
  const measured = h('div', { class: 'measured' }, new LatencyChart(latency).element, new Crowd(director, notice).element)
  page.replaceChildren(
    h('div', { class: 'overview' }, new Cluster(director, notice).element, new Timeline(director).element, measured),
    tabs(panes), h('div', { class: 'panes' }, ...panes.map(pane => pane.element)))
  director.onEnd(ended => { notice.say(ended ? 'The demo has ended, or is being started again.' : '', ended) })
  await Promise.all(panes.map(pane => pane.open(director, writes, notice)))
}
