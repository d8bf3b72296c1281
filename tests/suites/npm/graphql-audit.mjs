// The audits of GraphQL over HTTP against a URL, as JSON: [{name, status}, …].
import { auditServer } from 'graphql-http'

const results = await auditServer({ url: process.argv[2] })
console.log(JSON.stringify(results.map(({ name, status, reason }) => ({ name, status, reason }))))
