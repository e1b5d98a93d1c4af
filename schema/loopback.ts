// Which hosts are this machine itself, so that what goes there without encryption passes by nobody.

/** 127.0.0.0/8, ::1 (with or without brackets) and `localhost`. A host of a URL is written as `URL` has it. */
export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
