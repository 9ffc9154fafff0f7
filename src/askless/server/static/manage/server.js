// The server as functions, as the manager needs them.

import { caller } from "../annotate/api.js";

export function connect(token) {
  const versions = new Map();
  const call = caller(token);

  // What is at `path`, or null if it is still what the last call with this path got.
  async function news(path) {
    const url = new URL(`/api/manage/${path}`, location.origin);
    if (versions.has(path)) url.searchParams.set("since", versions.get(path));
    const response = await call(url);
    if (response.status === 204) return null;
    const reply = await response.json();
    versions.set(path, reply.version);
    return reply;
  }

  async function order(path, body = {}) {
    const response = await call(`/api/manage/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return response.status === 204 ? null : response.json();
  }

  return {
    news,
    order,
    forget: (path) => versions.delete(path),
    link: async (id) => (await call(`/api/manage/invitations/${id}/link`)).json(),
    picture: async (item, size) => (await call(`/api/manage/image/${item}?size=${size}`)).blob(),
    labels: async (form) => (await call(`/api/manage/export/${form}`)).blob(),
  };
}
