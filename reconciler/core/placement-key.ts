// The two names in a placement's key, `service@machine`; the registry lets neither have an @ in it.

export const serviceOf = (key: string): string => key.slice(0, key.indexOf('@'));

export const machineOf = (key: string): string => key.slice(key.indexOf('@') + 1);
