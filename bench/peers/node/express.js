// Express in front of one service: node express.js peer.json
// Everything on: jsonwebtoken, a role check, express-rate-limit twice (by address and by user), helmet, a prom-client
// histogram, one JSON line per request by pino-http, written in batches.
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { createSecretKey, randomUUID } from 'node:crypto'
import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'

const peer = JSON.parse(readFileSync(process.argv[2]))
const app = express()
app.disable('x-powered-by')

if (peer.everything) await everything(app)
// Without an agent each request would open a connection of its own.
const agent = new http.Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 256 })
app.use(createProxyMiddleware({ target: peer.service, agent }))
http.createServer({ keepAliveTimeout: 600_000 }, app).listen(peer.port, '127.0.0.1', 4096)
process.on('SIGTERM', () => process.exit(0))

async function everything (app) {
  const { default: pino } = await import('pino')
  const { default: pinoHttp } = await import('pino-http')
  const { default: jwt } = await import('jsonwebtoken')
  const { rateLimit } = await import('express-rate-limit')
  const { default: helmet } = await import('helmet')
  const { default: client } = await import('prom-client')

  client.collectDefaultMetrics()
  const seconds = new client.Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from request to reply.',
    labelNames: ['method', 'status']
  })
  app.get('/metrics', async (request, reply) => {
    reply.type(client.register.contentType).send(await client.register.metrics())
  })

  app.use((request, reply, next) => {
    const stop = seconds.startTimer()
    reply.once('finish', () => stop({ method: request.method, status: reply.statusCode }))
    next()
  })
  const lines = pino.destination({ dest: peer.log, sync: false, minLength: 4096 })
  app.use(pinoHttp({
    logger: pino(lines),
    genReqId: () => randomUUID(),
    serializers: {
      req: (request) => ({ id: request.id, method: request.method, url: request.url, ip: request.remoteAddress }),
      res: (reply) => ({ statusCode: reply.statusCode })
    },
    customProps: (request) => ({ userId: request.user?.sub, tenantId: request.user?.tenant_id })
  }))
  app.use(helmet())
  const limit = { windowMs: 1000, limit: peer.limit, standardHeaders: 'draft-8', legacyHeaders: false }
  app.use(rateLimit({ ...limit, identifier: 'ip' }))
  // A secret given as text would be tried as a public key at each request, which costs a third of the time.
  const secret = createSecretKey(Buffer.from(peer.secret))
  app.use((request, reply, next) => {
    const [scheme, token] = (request.headers.authorization ?? '').split(' ')
    try {
      if (scheme !== 'Bearer') throw new Error('no bearer token')
      request.user = jwt.verify(token, secret, { algorithms: ['HS256'], issuer: peer.issuer })
    } catch {
      return reply.status(401).json({ error: 'Unauthorized' })
    }
    if (request.user.role !== peer.role) return reply.status(403).json({ error: 'Forbidden' })
    next()
  })
  app.use(rateLimit({ ...limit, identifier: 'user', keyGenerator: (request) => request.user.sub }))
}
