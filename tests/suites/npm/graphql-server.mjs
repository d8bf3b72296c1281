// A server of graphql-http with the smallest schema that its audits ask for.
import http from 'node:http'
import { GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import { createHandler } from 'graphql-http/lib/use/http'

const query = new GraphQLObjectType({
  name: 'Query',
  fields: { hello: { type: GraphQLString, resolve: () => 'world' } }
})
const handler = createHandler({ schema: new GraphQLSchema({ query }) })
http.createServer(handler).listen(Number(process.argv[2]), '127.0.0.1')
