// Writes stores as the programs do that own them, driven by a test (see ../requests.mjs).
//
//   {do: 'open', client, room: PATH, options: {kind: 'y-leveldb' | 'hocuspocus', level}}
//                a store; `level` are options of LevelDB, such as a small write_buffer for many tables
//
// The code sees store (see below), doc (an empty document) and Y.

import { Hocuspocus } from '@hocuspocus/server'
import { SQLite } from '@hocuspocus/extension-sqlite'
import { LeveldbPersistence } from 'y-leveldb'
import * as Y from 'yjs'
import { serve } from '../requests.mjs'

const kinds = {
  'y-leveldb': (path, level) => new LeveldbPersistence(path, { levelOptions: level }),

  // What Hocuspocus stores when the last connection of a document ends.
  hocuspocus: path => {
    const server = new Hocuspocus({ quiet: true, extensions: [new SQLite({ database: path })] })
    return {
      async write (room, edit) {
        const connection = await server.openDirectConnection(room)
        await connection.transact(edit)
        await connection.disconnect()
      }
    }
  }
}

serve(({ room, options: { kind, level } }) => ({ store: kinds[kind](room, level), doc: new Y.Doc(), Y }))
