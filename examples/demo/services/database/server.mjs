// A store that forgets: GET /count answers how often it was asked.
import { createServer } from 'node:http';

let count = 0;
createServer((request, response) => {
  if (request.url !== '/health') count += 1;
  response.end(request.url === '/health' ? 'ok\n' : `${count}\n`);
}).listen(Number(process.env.PORT), '127.0.0.1');
