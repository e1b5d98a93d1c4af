// Healthy only while what it depends on answers.
import { createServer } from 'node:http';

const upstreams = 'WEB'.split(',').map(name => process.env[name]);
const greeting = process.env.GREETING ?? 'gateway';

async function ask(address) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(1500) });
  return (await answer.text()).trim();
}

createServer(async (request, response) => {
  try {
    const answers = await Promise.all(
      upstreams.map(address => ask(request.url === '/health' ? `${address}/health` : address)),
    );
    response.end(request.url === '/health' ? 'ok\n' : `${greeting}: ${answers.join(' ')}\n`);
  } catch (error) {
    response.statusCode = 503;
    response.end(`${error.message}\n`);
  }
}).listen(Number(process.env.PORT), '127.0.0.1');
