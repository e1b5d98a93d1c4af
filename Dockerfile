# Portoser in a container: `docker build -t portoser .`, then examples/controller/compose.yml.

# Named, so that a mirror, an own image or a digest can take its place: --build-arg NODE_IMAGE=registry.example/node:24-bookworm-slim.
# The embedded PostgreSQL wants glibc; on a base without it (Alpine) DATABASE_URL must name a server.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY .npmrc package.json package-lock.json ./
# Nothing that we need is made by a package's script, and node-gyp has no compiler here.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY schema schema
COPY reconciler reconciler
COPY api api
RUN npm run build && chmod 755 dist/api/cli/main.js && npm prune --omit=dev --ignore-scripts
# PostgreSQL's links, which npm does not carry, are made while there may be written: a container's root stays as it is.
RUN node -e "import('./dist/reconciler/adapters/postgres-software.js').then(made => made.softwareFor({ other: false }, '')).catch(error => { if (error.code !== 'store-none') throw error; })"

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Portoser" \
      org.opencontainers.image.description="Keeps 2-20 machines in the state that a git repository describes." \
      org.opencontainers.image.licenses="Apache-2.0"
# PostgreSQL wants a user with a name. Written as lines, because tools that make users differ between bases.
RUN echo 'portoser:x:8750:8750::/home/portoser:/bin/false' >>/etc/passwd && echo 'portoser:x:8750:' >>/etc/group && \
    mkdir -p /home/portoser /var/lib/portoser && chown 8750:8750 /home/portoser /var/lib/portoser && chmod 700 /var/lib/portoser && \
    ln -s /opt/portoser/dist/api/cli/main.js /usr/local/bin/portoser
WORKDIR /opt/portoser
COPY LICENSE ./
COPY playbooks playbooks
COPY examples examples
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/package.json ./
COPY --from=build /build/schema/registry.schema.json schema/
COPY --from=build /build/reconciler/adapters/migrations reconciler/adapters/migrations
COPY --from=build /build/dist dist

# Less room for young garbage: 95 MB resident instead of 139 MB.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-semi-space-size=4 \
    HOME=/home/portoser \
    XDG_CONFIG_HOME=/etc \
    PORTOSER_STATE_DIR=/var/lib/portoser \
    PORTOSER_LISTEN=0.0.0.0:8750
VOLUME /var/lib/portoser
EXPOSE 8750
USER 8750:8750
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "require('http').get('http://127.0.0.1:' + process.env.PORTOSER_LISTEN.split(':').pop() + '/healthz', answer => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# It handles TERM as process 1 by itself, and its database is its own child: no init is needed.
STOPSIGNAL SIGTERM
ENTRYPOINT ["portoser"]
CMD ["run"]
