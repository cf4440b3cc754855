package enum TrainingModule {}
