// Answers the time of its last start, as a cache would answer what it keeps.
import { createServer } from 'node:http';

const since = new Date().toISOString();
createServer((request, response) => response.end(request.url === '/health' ? 'ok\n' : `${since}\n`)).listen(
  Number(process.env.PORT),
  '127.0.0.1',
);
