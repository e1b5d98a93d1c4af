#!/bin/sh
# Copies what is new from the NAS once a day; a failed day is tried again the next.
set -u
mkdir -p copies
while true; do
  date '+%F %T copying' && rsync -a --ignore-existing "$FROM:/srv/photos-library/" copies/ || date '+%F %T failed, tomorrow again'
  sleep 86400 &
  wait $!
done
