// Where answers wait on this device until the server has them: IndexedDB, by the order in which they were given.

const NAME = "askless";
const STORE = "outbox";

export async function openDatabase(owner) {
  const database = await done(openRequest());
  const store = (mode) => database.transaction(STORE, mode, { durability: "strict" }).objectStore(STORE);
  return {
    // Resolves to the place of the event, when it is on disk.
    add: (event) =>
      new Promise((resolve, reject) => {
        const target = store("readwrite");
        const request = target.add({ owner, event });
        target.transaction.oncomplete = () => resolve(request.result);
        target.transaction.onabort = () => reject(target.transaction.error);
        target.transaction.commit?.(); // else it waits for this page, and is lost if that is left now
      }),
    remove: (places) => {
      const target = store("readwrite");
      return Promise.all(places.map((place) => done(target.delete(place))));
    },
    all: async () => {
      const target = store("readonly").index("owner");
      const [places, records] = await Promise.all([done(target.getAllKeys(owner)), done(target.getAll(owner))]);
      return records.map((record, i) => ({ place: places[i], event: record.event }));
    },
  };
}

function openRequest() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(STORE, { autoIncrement: true }).createIndex("owner", "owner");
  };
  return request;
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
