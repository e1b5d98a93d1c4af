// Matrix: PUT …/send/m.room.message/{txnId} (https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid).
import type { Parcel } from '../../schema/notify.js';
import { addressOf, below, type Notifier, web } from './notifier.js';
import { wordsOf } from './words.js';

export const matrix: Notifier = {
  type: 'matrix',
  parcel: (message, address): Parcel => {
    const { title, lines, mood } = wordsOf(message);
    const room = encodeURIComponent(address.to.room ?? '');
    // The message's own id: what is sent twice stands there once.
    const path = `/_matrix/client/v3/rooms/${room}/send/m.room.message/${encodeURIComponent(message.id)}`;
    const body = { msgtype: mood === 'plain' ? 'm.notice' : 'm.text', body: [title, ...lines].join('\n') };
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${address.secret ?? ''}` };
    return {
      via: 'http',
      method: 'PUT',
      url: below(addressOf(address, web), path),
      headers,
      body: JSON.stringify(body),
    };
  },
};
