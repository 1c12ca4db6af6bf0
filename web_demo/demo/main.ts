import { connect } from '../client/src/index.js'

document.getElementById('demo')!.textContent = `${connect.name} is here`
