// An image that its host could start only to see it end: the lab's own, with another machine's name in it.
import type { Host } from './harness.js';

/** `docker import --platform` of engine 20.10 notes the platform of the engine all the same. */
export async function loadForeignImage(host: Host, name: string): Promise<void> {
  await host.must(`mkdir /tmp/arm && cd /tmp/arm && docker save lab/web:1 | tar -x && rm -f repositories
sed -i 's/"architecture":"amd64"/"architecture":"arm64"/' *.json && sed -i 's#lab/web:1#${name}#' manifest.json
tar -c . | docker load && rm -r /tmp/arm
test "$(docker image inspect --format '{{.Architecture}}' ${name})" = arm64`);
}
