// What the story of crashes at each step runs: an app under systemd and a container, which note what they find at each start; and tools that hang.

/** `app`: local, under systemd. `api`: a Compose project; it comes before the app in everything that a machine does. */
export type Kind = 'app' | 'api';

/**
 * Stands before the real tools, and hangs at the call that /run/at names; that is gone after a crash. base64 and docker have done half by then:
 * a part of the file is there, and containers that are made anew and not started.
 */
const tool = `#!/bin/sh
tool=\${0##*/}
if { read -r want nth words </run/at; } 2>/dev/null && [ "$want" = "$tool" ]; then
  case "$*" in $words)
    n=$(($(cat /run/calls 2>/dev/null || echo 0) + 1)); echo $n >/run/calls
    if [ "$n" = "$nth" ]; then
      case $tool in
      base64) /usr/bin/base64 "$@" | head -c 20000 ;;
      docker) /usr/bin/docker \${*%% up *} create ;;
      esac
      : >/run/reached; while :; do sleep 0.1; done
    fi ;;
  esac
fi
if [ "$tool" != uv ]; then exec "/usr/bin/$tool" "$@"; fi
case $1 in
sync) mkdir -p .venv/bin; ln -sf /usr/bin/python3 .venv/bin/python ;;
run) while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;;
esac
`;

export const setUp = (has: readonly Kind[]): string => {
  const tools = ['mv', 'base64', 'systemctl', ...(has.includes('api') ? ['docker'] : [])];
  return `echo ${Buffer.from(tool).toString('base64')} | base64 -d >/usr/local/bin/uv; chmod 755 /usr/local/bin/uv
for t in ${tools.join(' ')}; do ln -s uv /usr/local/bin/$t; done
mkdir -p /opt/starts /run/gate; for k in ${has.join(' ')}; do : >/opt/starts/$k; done`;
};

/** Notes at each start which version it is, and what it finds; it listens only once /run/gate/closed is away. */
const program = (
  kind: Kind,
  listens: string,
): string => `echo "$VERSION $(head -c 1 a.txt)$(wc -c <a.txt) $(head -c 1 b.txt)$(wc -c <b.txt)" >>/opt/starts/${kind}
while [ -e /run/gate/closed ]; do sleep 0.1; done
exec ${listens}
`;
export const programs: Readonly<Record<Kind, string>> = {
  app: program('app', 'python3 -m http.server 9501 --bind 127.0.0.1 >/dev/null 2>&1'),
  api: program('api', '/bin/serve'),
};

/** Another text with each version, so that it is laid anew; Docker makes /run/gate when it is not there after a boot. */
export const compose = (version: string): string => `x-version: ${version}
services:
  api:
    image: lab/web:1
    restart: always
    command: [sh, run.sh]
    working_dir: /opt/api
    ports: ["9502:8080"]
    volumes: [".:/opt/api:ro", "/opt/starts:/opt/starts", "/run/gate:/run/gate:ro"]
`;
