// Requests of a file by one of Node's clients: `node clients.mjs (fetch|undici|http) BASE < cases.json`, outcomes as JSON.
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { request as undici } from 'undici'

const [, , client, base] = process.argv

async function * pieces (body) {
  for (let at = 0; at < body.length; at += 1000) yield body.subarray(at, at + 1000)
}

const clients = {
  async fetch (url, one, body) {
    const reply = await fetch(url, { ...one, body, redirect: 'manual', duplex: 'half' })
    return [reply.status, [...reply.headers], Buffer.from(await reply.arrayBuffer())]
  },
  async undici (url, one, body) {
    const reply = await undici(url, { ...one, body })
    return [reply.statusCode, Object.entries(reply.headers), Buffer.from(await reply.body.arrayBuffer())]
  },
  http (url, one, body) {
    return new Promise((resolve, reject) => {
      // Without this Node sends a body that nothing announces with methods that have none as a rule.
      const headers = Buffer.isBuffer(body) ? { ...one.headers, 'Content-Length': body.length } : one.headers
      const request = http.request(url, { ...one, headers }, async reply => {
        const parts = []
        for await (const part of reply) parts.push(part)
        resolve([reply.statusCode, Object.entries(reply.headers), Buffer.concat(parts)])
      })
      request.on('error', reject)
      if (body && !Buffer.isBuffer(body)) {
        (async () => { for await (const piece of body) request.write(piece); request.end() })()
      } else {
        request.end(body)
      }
    })
  }
}

const found = {}
for (const { name, path, chunked, body, ...one } of JSON.parse(await text(process.stdin))) {
  const bytes = body === null ? undefined : Buffer.from(body, 'base64')
  try {
    const [status, headers, data] = await clients[client](base + path, one, chunked ? pieces(bytes) : bytes)
    found[name] = [status, headers.map(([key, value]) => [key, String(value)]), data.toString('base64')]
  } catch (error) {
    found[name] = `${error} ${error.cause ?? ''}`
  }
}
console.log(JSON.stringify(found))
