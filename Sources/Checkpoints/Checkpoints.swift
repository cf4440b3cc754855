package enum CheckpointsModule {}
