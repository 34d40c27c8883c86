"""The connections and organizations in force in this worker: the settings file's, and the store's."""
