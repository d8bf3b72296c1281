// Fastify in front of one service: node fastify.js peer.json
// Everything on: @fastify/jwt (verified tokens remembered), a role check, @fastify/rate-limit twice (by address and by
// user), @fastify/helmet, a prom-client histogram, one JSON line per request, written in batches.
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import proxy from '@fastify/http-proxy'

const peer = JSON.parse(readFileSync(process.argv[2]))
const app = peer.everything ? await everything() : Fastify({ logger: false })

await app.register(proxy, {
  upstream: peer.service,
  undici: { connections: 256, pipelining: 1 },
  disableRequestLogging: true // one line per request, as the others write, not three
})
await app.listen({ host: '127.0.0.1', port: peer.port })
process.on('SIGTERM', () => process.exit(0))

async function everything () {
  const { default: pino } = await import('pino')
  const { default: jwt } = await import('@fastify/jwt')
  const { default: rateLimit } = await import('@fastify/rate-limit')
  const { default: helmet } = await import('@fastify/helmet')
  const { default: client } = await import('prom-client')

  const lines = pino.destination({ dest: peer.log, sync: false, minLength: 4096 })
  const app = Fastify({ loggerInstance: pino(lines), disableRequestLogging: true })

  client.collectDefaultMetrics()
  const seconds = new client.Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from request to reply.',
    labelNames: ['method', 'route', 'status']
  })
  app.get('/metrics', async (request, reply) => {
    reply.type(client.register.contentType)
    return client.register.metrics()
  })

  await app.register(helmet)
  await app.register(jwt, {
    secret: peer.secret,
    verify: { algorithms: ['HS256'], allowedIss: peer.issuer, cache: true }
  })
  await app.register(rateLimit, { max: peer.limit, timeWindow: 1000 })
  const perUser = app.createRateLimit({
    max: peer.limit,
    timeWindow: 1000,
    keyGenerator: (request) => request.user.sub
  })

  app.addHook('preHandler', async (request, reply) => {
    if (request.url === '/metrics') return
    await request.jwtVerify()
    if (request.user.role !== peer.role) return reply.code(403).send({ error: 'Forbidden' })
    const limit = await perUser(request)
    if (limit.isExceeded) return reply.code(429).send({ error: 'Too Many Requests' })
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url
    seconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
    request.log.info({
      context: 'response',
      method: request.method,
      url: request.url,
      ip: request.ip,
      route,
      statusCode: reply.statusCode,
      responseTime: reply.elapsedTime,
      userId: request.user?.sub,
      tenantId: request.user?.tenant_id
    })
  })
  return app
}
