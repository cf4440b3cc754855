package enum DatasetsModule {}
